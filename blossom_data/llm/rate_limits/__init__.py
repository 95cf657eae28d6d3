"""When a call may go: slots, rate windows, pauses, and what a 429 means."""
