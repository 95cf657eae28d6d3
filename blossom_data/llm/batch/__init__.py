"""The provider's batch endpoint: the same asks, bought by the batch."""
