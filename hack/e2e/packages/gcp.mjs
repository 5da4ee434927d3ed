// What a program with Google's auth library does: prints the access token that it got.
import { GoogleAuth } from 'google-auth-library'
const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' })
console.log((await (await auth.getClient()).getAccessToken()).token)
