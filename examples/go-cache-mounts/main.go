// A small HTTP API with a router from the module proxy: a list of rooms and who booked them.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/go-chi/chi/v5"
)

// bookings maps rooms to guests.
type bookings struct {
	mutex  sync.Mutex
	guests map[string]string
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Printf("listening on :%s", port)
	log.Fatal(http.ListenAndServe(":"+port, newRouter()))
}

func newRouter() http.Handler {
	all := &bookings{guests: map[string]string{"blue": "Ada"}}
	router := chi.NewRouter()
	router.Get("/", all.list)
	router.Put("/rooms/{room}/{guest}", all.book)
	return router
}

func (b *bookings) list(w http.ResponseWriter, _ *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"rooms": b.guests}); err != nil {
		log.Print(err)
	}
}

func (b *bookings) book(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	room := chi.URLParam(r, "room")
	if _, isTaken := b.guests[room]; isTaken {
		http.Error(w, "taken", http.StatusConflict)
		return
	}
	b.guests[room] = chi.URLParam(r, "guest")
	w.WriteHeader(http.StatusCreated)
}
