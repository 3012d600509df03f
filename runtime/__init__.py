"""Running probes: loading, pausing, capturing, decoding, storing, querying."""
