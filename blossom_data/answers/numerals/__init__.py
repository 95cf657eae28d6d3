"""Numbers as people write them: digits, Chinese numerals, English words, and one plain spelling for all."""
