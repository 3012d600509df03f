module sey.test/govm

go 1.21
