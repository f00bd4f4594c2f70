/** The closed lexicon of the task family (requirements §3). Order matters: draws follow Zipf's law over it. */
export const ENTITIES = [
  'customer', 'order', 'product', 'invoice', 'payment', 'user', 'profile', 'book', 'author', 'student',
  'course', 'teacher', 'room', 'building', 'employee', 'department', 'ticket', 'event', 'doctor', 'patient',
  'car', 'driver', 'trip', 'team', 'player', 'match', 'recipe', 'ingredient', 'song', 'album',
  'shelf', 'coupon', 'review', 'store', 'supplier', 'shipment', 'flight', 'hotel', 'guest', 'project',
] as const; // prettier-ignore

/** Attribute → type. */
export const ATTRIBUTE_TYPES: Readonly<Record<string, string>> = {
  name: 'string', email: 'string', title: 'string', city: 'string', phone: 'string', status: 'string',
  code: 'string', color: 'string', note: 'string', url: 'string',
  age: 'int', count: 'int', year: 'int', rank: 'int', stock: 'int', floor: 'int', seats: 'int',
  price: 'decimal', total: 'decimal', weight: 'decimal', rating: 'decimal', salary: 'decimal', fee: 'decimal',
  birthday: 'date', due: 'date', start: 'date', end: 'date',
  created: 'datetime', updated: 'datetime',
  active: 'bool', paid: 'bool', public: 'bool',
}; // prettier-ignore
export const ATTRIBUTES = Object.keys(ATTRIBUTE_TYPES);

export const VERBS = [
  'places',
  'has',
  'owns',
  'contains',
  'writes',
  'manages',
  'books',
  'uses',
  'joins',
  'rates',
] as const;

/** Services behind `api`, which every architecture has. */
export const SERVICES = [
  'auth',
  'orders',
  'catalog',
  'billing',
  'search',
  'mail',
  'users',
  'stats',
  'media',
  'chat',
  'admin',
] as const;
export const CLIENTS = ['web', 'mobile', 'kiosk'] as const;

/** Constants of pipeline steps. */
export const NUMBERS = ['2', '3', '4', '5', '6', '7'] as const;

/** Sentences that set a context and ask for nothing; every specification may hold some. */
export const CONTEXT_SENTENCES = [
  'keep it simple',
  'this is a first draft',
  'we start next week',
  'please follow our usual style',
] as const;
