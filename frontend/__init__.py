"""From `.sey` text and a binary's debug information to a bound, typed spec and its IR."""
