package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Gateway takes money from customers.
type Gateway struct {
	URL string
}

// Payment is one attempt at it.
type Payment struct {
	Order   *Order
	Attempt int
	Sent    time.Time
}

// Charge asks the gateway for an order's amount, three times if need be.
func (g *Gateway) Charge(ctx context.Context, order *Order) error {
	for attempt := 1; ; attempt++ {
		payment := &Payment{Order: order, Attempt: attempt, Sent: time.Now()}
		err := g.send(ctx, payment)
		if err == nil || attempt == 3 {
			return err
		}
	}
}

func (g *Gateway) send(ctx context.Context, payment *Payment) error {
	body, err := json.Marshal(payment)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/charge", bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("attempt %d: %w", payment.Attempt, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("attempt %d: the bank says %s", payment.Attempt, response.Status)
	}
	return nil
}
