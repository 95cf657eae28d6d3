"""The ledger: the durable store of every reply that was paid for, and the only state of a run."""
