package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// keysAnswer is what an SDK reads from the endpoint of run --renew.
type keysAnswer struct {
	status        int
	AccessKeyID   string `json:"AccessKeyId"`
	Expiration    time.Time
	Code, Message string
}

func getKeys(t *testing.T, url, token string) (a keysAnswer) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	resp, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Error(err)
		return a
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Errorf("%s: %v", resp.Status, err)
	}
	a.status = resp.StatusCode
	return a
}
