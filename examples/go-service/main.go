// A small HTTP service: it answers every request with what it is and what time it has.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const version = "1.0.0"

// answer is the body of every response.
type answer struct {
	Message string    `json:"message"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
}

func main() {
	server := &http.Server{
		Addr:              ":8080",
		Handler:           http.HandlerFunc(respond),
		ReadHeaderTimeout: 5 * time.Second,
	}
	// As process 1 of a container it gets no default actions for signals.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.Close()
	}()
	log.Printf("listening on %s", server.Addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func respond(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body := answer{Message: "Built in one stage, shipped in another", Version: version, Time: time.Now().UTC()}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}
