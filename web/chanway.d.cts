/* chanway.d.cts - the types for require(). */
export * from './chanway.js';
