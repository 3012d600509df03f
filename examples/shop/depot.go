package main

import (
	"context"
	"fmt"
	"sync"
)

// Depot is a place with goods in it.
type Depot struct {
	City string

	mu    sync.Mutex
	stock map[string]int
}

func newDepot(city string) *Depot {
	return &Depot{City: city, stock: map[string]int{"anvil": 1 << 20, "rocket": 1 << 20, "magnet": 1 << 20}}
}

// Available is how many of a thing there are.
func (d *Depot) Available(sku string) int {
	d.mu.Lock()
	n := d.stock[sku]
	d.mu.Unlock()
	return n
}

// Fulfil takes an order's goods out of the stock and has the customer pay. Nothing may come between the two: otherwise
// the last anvil could be sold twice.
func (d *Depot) Fulfil(ctx context.Context, order *Order, gateway *Gateway) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, line := range order.Lines {
		if d.stock[line.SKU] < line.Quantity {
			return fmt.Errorf("%s is out of %s", d.City, line.SKU)
		}
	}
	if err := gateway.Charge(ctx, order); err != nil {
		return fmt.Errorf("order %d: %w", order.ID, err)
	}
	for _, line := range order.Lines {
		d.stock[line.SKU] -= line.Quantity
	}
	return nil
}
