"""From raw pages to tables: numpy and Arrow columns all the way, no loop over values."""
