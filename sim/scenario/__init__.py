"""A researcher's YAML file to a frozen Scenario; every mistake at once, each with file:line:column."""
