// The identity provider of npm's `oidc-provider`, with its own pages for signing in: whoever names an account is
// that account. Arguments: the package's folder, the port, where people come back to.
import { pathToFileURL } from 'node:url';

const [, , folder, port, redirect] = process.argv;
const { default: Provider } = await import(pathToFileURL(`${folder}/lib/index.js`).href);

const issuer = `http://127.0.0.1:${port}`;
const roles = { ana: ['doorward.approver'], ben: ['doorward.approver'], eve: ['doorward.reader'] };
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'doorward',
    client_secret: 'a secret of the client',
    redirect_uris: [redirect],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], profile: ['name', 'roles'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['a key of the tests'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} at the provider`, roles: roles[id] ?? [] }),
  }),
  pkce: { required: () => true },
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
