"""Several models, which no scenario has yet: the worth of a nonce of each, and hosts that choose among them."""
