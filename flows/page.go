package flows

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"net/http"
	"strings"
)

// page is what the browser shows last. It carries no code, no token, no script
// and nothing from elsewhere.
type page struct {
	Title  string
	Text   string
	Detail string // a server's or an error's words
	Mark   string
	Class  string
}

var (
	pageSuccess = page{Title: "You are signed in", Text: "Return to your terminal; this window can be closed.", Mark: "✓", Class: "ok"}
	pageStray   = page{Title: "This is not the sign-in that is waited for", Mark: "?", Class: "no",
		Text: "Nothing was changed. Use the newest sign-in window, or start again in your terminal."}
)

// outcomePage tells how a sign-in ended.
func outcomePage(err error) page {
	switch {
	case err == nil:
		return pageSuccess
	case errors.Is(err, ErrDenied):
		_, words, _ := strings.Cut(err.Error(), ErrDenied.Error()+": ") // the provider's own
		return page{"The sign-in was denied", "Nobody was signed in. If that was not what you meant, start again in your terminal.", words, "✕", "no"}
	}
	return page{"The sign-in did not work", "Nobody was signed in. Your terminal says what to do next.", Clean(err.Error(), 400), "✕", "no"}
}

const pageStyle = `:root{color-scheme:light dark;--fg:#1d2430;--bg:#f4f5f7;--card:#fff;--ok:#1a7f4b;--no:#b3261e;--dim:#5a6475}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ef;--bg:#14171c;--card:#1e232b;--ok:#4cc38a;--no:#ff8a80;--dim:#9aa4b5}}
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,sans-serif}
main{background:var(--card);border-radius:.75rem;padding:2rem;max-width:30rem;width:100%;text-align:center;box-shadow:0 1px 4px #0002}
.mark{font-size:2.5rem;line-height:1}.ok .mark{color:var(--ok)}.no .mark{color:var(--no)}
h1{font-size:1.25rem;margin:.75rem 0 .5rem}p{margin:.5rem 0}.detail{color:var(--dim);font-size:.875rem;overflow-wrap:anywhere}
footer{color:var(--dim);font-size:.75rem;margin-top:1.5rem}`

const pageHTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title} – sso-exec</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main class="{class}" id="{class}"><div class="mark" aria-hidden="true">{mark}</div><h1>{title}</h1><p>{text}</p>{detail}<footer>sso-exec</footer></main></body></html>
`

// pageHeader sets what keeps a page to itself: no cache, no referrer, no
// content but our own style.
func pageHeader(h http.Header) {
	sum := sha256.Sum256([]byte(pageStyle))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func writePage(w http.ResponseWriter, status int, p page) {
	pageHeader(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	detail := ""
	if p.Detail != "" {
		detail = `<p class="detail">` + html.EscapeString(p.Detail) + `</p>`
	}
	_, _ = strings.NewReplacer("{style}", pageStyle, "{title}", html.EscapeString(p.Title), "{text}", html.EscapeString(p.Text),
		"{detail}", detail, "{mark}", p.Mark, "{class}", p.Class).WriteString(w, pageHTML)
}
