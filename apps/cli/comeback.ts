/**
 * The command to type to come back: as this one was typed, through npm or not, without the options that would start over.
 * `args` are those after the program's name.
 */
export function comebackCommand(args: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  const kept = args.filter((argument) => argument !== '--fresh' && argument !== '--yes').map(quote);
  const script = env.npm_lifecycle_event;
  if (script === 'start') {
    const rest = kept.slice(1);
    return rest.length === 0 ? 'npm start' : `npm start -- ${rest.join(' ')}`;
  }
  if (script === 'ratchet') return `npm run ratchet -- ${kept.join(' ')}`;
  return `npx ratchet ${kept.join(' ')}`;
}

function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
