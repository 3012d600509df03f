package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// ordersPlaced counts all orders since the start, whatever became of them.
var ordersPlaced atomic.Int64

// Server is the shop as its customers see it.
type Server struct {
	mux     *http.ServeMux
	depots  map[string]*Depot
	gateway *Gateway
}

func newServer(gateway *Gateway) *Server {
	s := &Server{mux: http.NewServeMux(), depots: map[string]*Depot{}, gateway: gateway}
	for _, city := range []string{"berlin", "chicago", "osaka"} {
		s.depots[city] = newDepot(city)
	}
	s.mux.HandleFunc("POST /checkout", s.checkout)
	s.mux.HandleFunc("GET /stock/{depot}/{sku}", s.stock)
	return s
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// checkout takes an order, reserves its goods and charges the customer.
func (s *Server) checkout(w http.ResponseWriter, r *http.Request) {
	order := &Order{ID: ordersPlaced.Add(1), Placed: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(order); err != nil || order.Customer == nil {
		http.Error(w, "that is not an order", http.StatusBadRequest)
		return
	}
	depot, ok := s.depots[order.Depot]
	if !ok {
		http.Error(w, "no such depot", http.StatusNotFound)
		return
	}
	if err := depot.Fulfil(r.Context(), order, s.gateway); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	fmt.Fprintf(w, "order %d is on its way\n", order.ID)
}

// stock says how many of a thing a depot has.
func (s *Server) stock(w http.ResponseWriter, r *http.Request) {
	depot, ok := s.depots[r.PathValue("depot")]
	if !ok {
		http.Error(w, "no such depot", http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, depot.Available(r.PathValue("sku")))
}
