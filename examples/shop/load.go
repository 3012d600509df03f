package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// The bank that is down today, and its only customer.
const (
	slowBank = "Gringotts"
	unlucky  = "Wile E. Coyote"
)

var customers = []*Customer{
	{"Road Runner", "Acme Savings"}, {"Bugs Bunny", "Acme Savings"}, {"Daffy Duck", "Acme Savings"},
	{"Porky Pig", "Carrot Trust"}, {"Elmer Fudd", "Carrot Trust"}, {"Tweety", "Carrot Trust"},
	{"Sylvester", "Acme Savings"}, {"Marvin", "Bank of Mars"}, {"Taz", "Bank of Mars"},
}

// approve is the payment gateway: it asks the customer's bank, which takes some milliseconds, except for one.
func approve(w http.ResponseWriter, r *http.Request) {
	var payment Payment
	if err := json.NewDecoder(r.Body).Decode(&payment); err != nil {
		http.Error(w, "that is not a payment", http.StatusBadRequest)
		return
	}
	if payment.Order.Customer.Bank == slowBank {
		time.Sleep(10 * time.Minute)
	}
	time.Sleep(time.Millisecond + rand.N(2*time.Millisecond))
	fmt.Fprintln(w, "approved")
}

// traffic is what became of the requests so far.
type traffic struct{ sent, answered atomic.Int64 }

// load sends requests at a steady rate, whether or not earlier ones are answered, as customers do. It stops sending while
// 1000 are unanswered. Two seconds in, the unlucky customer buys rockets in Berlin.
func load(shop string, rate int) {
	var total traffic
	go func() {
		time.Sleep(2 * time.Second)
		order := &Order{Customer: &Customer{unlucky, slowBank}, Depot: "berlin", Lines: []Line{{"rocket", 2}}, Cents: 129_900}
		total.checkout(shop, order)
	}()
	go func() {
		for range time.Tick(500 * time.Millisecond) {
			sent, answered := total.sent.Load(), total.answered.Load()
			fmt.Printf("sent %d answered %d waiting %d\n", sent, answered, sent-answered)
		}
	}()
	depots := []string{"berlin", "chicago", "osaka"}
	for range time.Tick(time.Second / time.Duration(rate)) {
		if total.sent.Load()-total.answered.Load() >= 1000 {
			continue
		}
		depot := depots[rand.N(len(depots))]
		if rand.N(3) == 0 {
			go total.browse(shop, depot)
			continue
		}
		quantity := 1 + rand.N(3)
		go total.checkout(shop, &Order{
			Customer: customers[rand.N(len(customers))], Depot: depot,
			Lines: []Line{{"anvil", quantity}, {"magnet", 1}}, Cents: int64(quantity)*4_999 + 1_200,
		})
	}
}

func (t *traffic) browse(shop, depot string) {
	t.sent.Add(1)
	t.finish(http.Get(shop + "/stock/" + depot + "/anvil"))
}

func (t *traffic) checkout(shop string, order *Order) {
	t.sent.Add(1)
	body, _ := json.Marshal(map[string]any{
		"customer": order.Customer, "depot": order.Depot, "lines": order.Lines, "cents": order.Cents,
	})
	t.finish(http.Post(shop+"/checkout", "application/json", bytes.NewReader(body)))
}

func (t *traffic) finish(response *http.Response, err error) {
	if err == nil {
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	t.answered.Add(1)
}
