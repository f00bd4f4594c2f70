import { execFileSync } from 'node:child_process';

/** Before the system tests: builds `dist` once, because they run the built programs in real processes. */
export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
