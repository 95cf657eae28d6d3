"""Stage `verify-math`: final answers against gold labels."""
