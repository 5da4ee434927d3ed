package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// storm is what comes of many processes that find one expired token at once,
// while the provider takes each refresh token only once.
type storm struct {
	Processes     int           `json:"processes"`
	GoodAnswers   int           `json:"goodAnswers"` // exit 0, with the token that the provider issued last
	TokenRequests int           `json:"tokenRequests"`
	Requests      int           `json:"requests"` // of all kinds
	Reuses        int           `json:"reuses"`   // of a refresh token: each would have ended the session
	Wall          time.Duration `json:"wall"`     // from the first start to the last end
}

func (w *world) measureStorm(processes int) (storm, error) {
	if err := firstError(func() error { return w.forget() }, func() error { return w.signIn() },
		func() error { return w.age(2*time.Hour, "tokens") }); err != nil {
		return storm{}, err
	}
	w.idp.ResetRequests()
	reuses := w.idp.Reuses()
	answers := make([]string, processes)
	var failures atomic.Int32
	var wait sync.WaitGroup
	start := time.Now()
	for i := range answers {
		wait.Go(func() {
			out, err := w.sso("kube")
			if err == nil {
				answers[i], err = tokenOf(out)
			}
			if err != nil && failures.Add(1) <= 3 {
				fmt.Fprintln(os.Stderr, "bench: storm:", err)
			}
		})
	}
	wait.Wait()
	s := storm{Processes: processes, Wall: time.Since(start), Reuses: w.idp.Reuses() - reuses}
	counts, issued := w.idp.Requests(), w.idp.LastTokens().IDToken
	s.TokenRequests, s.Requests = counts.Token, counts.All
	for _, token := range answers {
		if token != "" && token == issued {
			s.GoodAnswers++
		}
	}
	return s, nil
}

func tokenOf(execCredential []byte) (string, error) {
	var doc struct {
		Status struct {
			Token string `json:"token"`
		} `json:"status"`
	}
	err := json.Unmarshal(execCredential, &doc)
	return doc.Status.Token, err
}
