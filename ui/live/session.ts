import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import type { Session } from './ask.js';

export const NOBODY: Session = { allowed: [], isAll: false, who: '', namespace: '' };

export const SessionContext = createContext<Session>(NOBODY);

/** Whether the one who looks may do something. */
export function useMay(action: string): boolean {
  return useContext(SessionContext).allowed.includes(action);
}
