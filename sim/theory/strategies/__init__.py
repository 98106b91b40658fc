"""What each strategy gains, in runs and in closed form: a file of rows each, and one harness (`gain`) for all."""
