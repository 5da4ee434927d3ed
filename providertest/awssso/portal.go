package awssso

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// loginOf is the session whose token a request has.
func (s *Server) loginOf(r *http.Request) (*login, error) {
	token := r.Header.Get("X-Amz-Sso_bearer_token")
	l := s.tokens[token]
	if l == nil || l.ended || time.Now().After(l.until[token]) {
		return nil, refuse(401, "", "UnauthorizedException", "Session token not found or invalid")
	}
	return l, nil
}

// page cuts a list as next_token and max_result say.
func (s *Server) page(r *http.Request, all []any, member string) (map[string]any, error) {
	q := r.URL.Query()
	size, first := s.config.PageSize, 0
	if n, err := strconv.Atoi(q.Get("max_result")); err == nil && n < size {
		size = n
	}
	if next := q.Get("next_token"); next != "" {
		n, err := strconv.Atoi(next[:max(0, len(next)-len("+/=:"))])
		if err != nil || next != strconv.Itoa(n)+"+/=:" {
			return nil, refuse(400, "", "InvalidRequestException", "Invalid next token")
		}
		first = n
	}
	last := min(first+size, len(all))
	members := map[string]any{member: all[first:last]}
	if last < len(all) {
		members["nextToken"] = strconv.Itoa(last) + "+/=:"
	}
	return members, nil
}

func (s *Server) accounts(r *http.Request, _ map[string]any) (map[string]any, error) {
	if _, err := s.loginOf(r); err != nil {
		return nil, err
	}
	var ids []string
	for id := range s.config.Accounts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	all := []any{}
	for _, id := range ids {
		all = append(all, map[string]any{"accountId": id, "accountName": "account " + id[len(id)-2:],
			"emailAddress": "aws+" + id + "@corp.example"})
	}
	return s.page(r, all, "accountList")
}

func (s *Server) roles(r *http.Request, _ map[string]any) (map[string]any, error) {
	if _, err := s.loginOf(r); err != nil {
		return nil, err
	}
	account := r.URL.Query().Get("account_id")
	if s.config.Accounts[account] == nil {
		return nil, refuse(403, "", "ForbiddenException", "No access")
	}
	all := []any{}
	for _, name := range s.config.Accounts[account] {
		if !s.removed[account+"/"+name] {
			all = append(all, map[string]any{"accountId": account, "roleName": name})
		}
	}
	return s.page(r, all, "roleList")
}

func (s *Server) credentials(r *http.Request, _ map[string]any) (map[string]any, error) {
	if _, err := s.loginOf(r); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	account, role := q.Get("account_id"), q.Get("role_name")
	if !slices.Contains(s.config.Accounts[account], role) || s.removed[account+"/"+role] {
		return nil, refuse(403, "", "ForbiddenException", "No access")
	}
	return map[string]any{"roleCredentials": map[string]any{"accessKeyId": "ASIA" + account[:4] + text("")[:12],
		"secretAccessKey": text("secret/"), "sessionToken": text("session/"),
		"expiration": time.Now().Add(s.config.KeysLife + s.skew).UnixMilli()}}, nil
}

// logout ends the session for every client.
func (s *Server) logout(r *http.Request, _ map[string]any) (map[string]any, error) {
	l, err := s.loginOf(r)
	if err != nil {
		return nil, err
	}
	l.ended = true
	return nil, nil
}
