// English, signing in; loaded by those who are out.

import type { Words } from './catalog';
import type { ptAccess } from './pt-access';

export const enAccess: Words<typeof ptAccess> = {
  signIn: 'Sign in',
  signInText: 'Dashboard of the Farol collector',
  username: 'Username',
  password: 'Password',
  showPassword: 'Show password',
  hidePassword: 'Hide password',
  badLogin: 'Username or password do not match.',
  tooManyTries: (wait) => `Too many attempts. Wait ${wait}.`,
  or: 'or',
  enterWith: (title) => `Sign in with ${title}`,
  codeText: (name) => `Second factor of ${name}`,
  code: 'Code of the authenticator app',
  codeHint: 'Six digits, which change every 30 seconds.',
  recovery: 'Recovery code',
  recoveryHint: 'One of the ten that were kept; each works once.',
  useRecovery: 'Use a recovery code',
  useCode: 'Use the authenticator app',
  codeWrong: 'This code does not work. Check the clock of the phone and type the current code.',
  recoveryWrong: 'This recovery code does not work, or was used already.',
  back: 'Back',
  faultRefused: 'The provider did not confirm the sign-in. Try again, or use username and password.',
  faultExpired: 'Signing in took too long and expired. Start again.',
  faultRole: 'Your account at the provider has no role in Farol. Ask a super admin.',
  faultFailed: 'The provider’s answer could not be verified. Tell whoever administers Farol.',
  faultUnreachable: 'The provider did not answer the collector. Try again in a moment.',
  faultOther: (code) => `Signing in through the provider failed (${code}).`,
  setupTitle: 'First administrator',
  setupText: 'Create the account that administers this collector.',
  setupToken: 'Invitation code',
  setupTokenHint: 'The collector prints a one-time link in its terminal; the code is at its end.',
  setupButton: 'Create account and sign in',
  setupNeeded: 'This collector has no administrator yet. Open the link that it printed in its terminal.',
};
