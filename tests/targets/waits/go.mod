module sey/tests/waits

go 1.21
