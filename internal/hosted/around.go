package hosted

import "net/http"

// Around puts a handler around the one that answers for a host.
func (w *World) Around(host string, wrap func(http.Handler) http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = wrap(w.hosts[host])
}
