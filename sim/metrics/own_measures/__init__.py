"""The measures of a run that come with powsim; those of `runs` come first, for `cheating` asks that file."""
