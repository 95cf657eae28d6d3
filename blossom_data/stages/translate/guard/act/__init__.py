"""The speech act: signs that an output answers, obeys or leaves out what it should translate."""
