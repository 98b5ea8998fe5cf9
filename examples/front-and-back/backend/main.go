// The back end: the time, and the files of the front end beside the program.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"time"
)

func main() {
	http.Handle("/", http.FileServer(http.Dir("/app/public")))
	http.HandleFunc("/time", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]time.Time{"time": time.Now().UTC()}); err != nil {
			log.Print(err)
		}
	})
	log.Print("listening on :8080")
	log.Fatal(http.ListenAndServe(":8080", nil))
}
