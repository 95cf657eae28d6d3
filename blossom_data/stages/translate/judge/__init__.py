"""A second model's opinion of a translation, asked for where the checks are weak (`translate --judge`)."""
