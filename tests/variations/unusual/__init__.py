"""Right ways that are seen seldom: slow ones, long-winded ones, ones that a stricter suite would fail."""
