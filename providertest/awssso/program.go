package awssso

import "time"

// This file is another program that shares a session, such as the AWS CLI.

// SignIn is a session of another program, with a client of its own that has the grants of
// the AWS CLI, as that writes it down: accessToken, refreshToken, clientId, clientSecret.
func (s *Server) SignIn() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, secret := text("cli-client-"), text("cli-secret-")
	s.clients[id] = &client{secret: secret, grants: []string{"authorization_code", "refresh_token"},
		ends: time.Now().Add(s.config.RegistrationLife)}
	got := s.issue(&login{client: id, until: map[string]time.Time{}})
	access, _ := got["accessToken"].(string)
	refresh, _ := got["refreshToken"].(string)
	return map[string]string{"accessToken": access, "refreshToken": refresh, "clientId": id, "clientSecret": secret}
}

// Refresh spends a refresh token as another program would, and returns what it gets.
func (s *Server) Refresh(with map[string]string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got, err := s.token(nil, map[string]any{"grantType": "refresh_token", "clientId": with["clientId"],
		"clientSecret": with["clientSecret"], "refreshToken": with["refreshToken"]})
	if err != nil {
		return nil
	}
	access, _ := got["accessToken"].(string)
	refresh, _ := got["refreshToken"].(string)
	return map[string]string{"accessToken": access, "refreshToken": refresh, "clientId": with["clientId"],
		"clientSecret": with["clientSecret"]}
}
