"""The language server of specs (`sey lsp`): what editors ask for, over the parser and the checker of the compiler."""
