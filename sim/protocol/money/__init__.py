"""Coins: rewards, the accounts that they pass through, collateral, the price of a token."""
