// Package shapes has the name of another package of the program.
package shapes

// Square is a type of both packages.
type Square struct{ Side int }

// Alone is a type of this package only.
type Alone struct{ Name string }
