"""What tokens cost, how much may be spent, and the books of what was billed."""
