package main

import "time"

// Customer is who buys, and how they pay.
type Customer struct {
	Name string `json:"name"`
	Bank string `json:"bank"`
}

// Line is one kind of thing in an order.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// Order is what a customer buys from one depot.
type Order struct {
	ID       int64     `json:"id"`
	Customer *Customer `json:"customer"`
	Depot    string    `json:"depot"`
	Lines    []Line    `json:"lines"`
	Cents    int64     `json:"cents"`
	Placed   time.Time `json:"placed"`
}
