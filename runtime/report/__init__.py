"""What an expert would look at first in a capture: `gather` finds it, `text` and `page` show it."""
