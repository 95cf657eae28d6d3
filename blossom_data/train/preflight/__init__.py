"""What is checked and planned before the first step: data, memory, locks."""
