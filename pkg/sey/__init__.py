"""sey: ask a running Go program what every goroutine is doing, and with which data."""
