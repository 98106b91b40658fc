"""Figures and HTML reports, and the table of `powsim run`. Everything is made from results."""
