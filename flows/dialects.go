package flows

// Dialects returns the dialects, the standard's first. The table is read-only.
func Dialects() []*Dialect { return dialects }

var dialects = []*Dialect{
	{Name: "oidc", Title: "OpenID Connect"},
}
