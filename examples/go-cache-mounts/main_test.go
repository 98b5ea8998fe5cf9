package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestARoomIsBookedOnce(t *testing.T) {
	router := newRouter()
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, httptest.NewRequest(http.MethodPut, "/rooms/red/Grace", nil))
		if answer.Code != want {
			t.Fatalf("got %d, want %d", answer.Code, want)
		}
	}
}
