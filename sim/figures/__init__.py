"""What people look at: figures, the HTML report, tables in the terminal. Everything is made from a `Result`."""
