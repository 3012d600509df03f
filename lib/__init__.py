"""Specs that come with sey, imported by others: `import "lib/http.sey"`."""
