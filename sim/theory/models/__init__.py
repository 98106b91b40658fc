"""What no scenario has yet: several models, what a nonce of each is worth, and hosts that choose among them."""
